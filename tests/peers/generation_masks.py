"""What transformers marks as the assistant's in templates with {% generation %}: the reference of
crates/minigpt-data/src/chat/generation/tests.rs. Tokens are bytes.

    python tests/peers/generation_masks.py > crates/minigpt-data/src/chat/generation/tests/masks.json
"""

import json

from transformers.utils.chat_template_utils import render_jinja_template

TEMPLATES = [
    # The tag around the content alone, the end outside of it.
    "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
    "{% endgeneration %}{% else %}{{ m.content }}{% endif %}</s>\n{% endfor %}",
    # With what begins and ends the message in it, and white space that is cut.
    "{%- for m in messages %}\n    {%- if m.role == 'assistant' %}\n        {%- generation %}\n"
    "        {{- '<assistant>\\n' + m.content + '</s>\\n' }}\n        {%- endgeneration %}\n"
    "    {%- else %}\n        {{- '<' + m.role + '>\\n' + m.content + '</s>\\n' }}\n    {%- endif %}\n"
    "{%- endfor %}",
    # Marks whose lines are left to Jinja to cut, and variables set within.
    "{% for m in messages %}\n{% if m.role == 'assistant' %}\nA: {% generation %}\n{% set t = m.content|trim %}\n"
    "{{ t }}</s>\n{% endgeneration %}\n{% else %}\nU: {{ m.content }}\n{% endif %}\n{% endfor %}\nend",
]

CONVERSATIONS = [
    [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "Two."}],
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": " Two. "},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "Three."},
        {"role": "user", "content": "Thanks."},
    ],
]

references = []
for template in TEMPLATES:
    for messages in CONVERSATIONS:
        texts, spans = render_jinja_template(
            [messages], chat_template=template, return_assistant_tokens_mask=True
        )
        text, mask = texts[0], [0] * len(texts[0])
        for start, end in spans[0]:
            mask[start:end] = [1] * (end - start)
        references.append({"template": template, "messages": messages, "text": text, "mask": mask})
print(json.dumps(references))
