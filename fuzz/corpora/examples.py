"""Examples to tune a model with."""

from safetensors import text


def make_example_records():
    tables = {
        "valid": "text{0}label\nGood{0}pos\nBad{0}neg\n",
        "valid_instructions": "instruction{0}input{0}output\nAdd.{0}1 and 2{0}3\n",
        "empty": "",
        "names_alone": "text{0}label\n",
        "names_twice": "text{0}text{0}label\na{0}b{0}c\n",
        "names_padded": " text {0} label\na{0}b\n",
        "names_missing": "a{0}b\nc{0}d\n",
        "too_many_values": "text{0}label\na{0}b{0}c\n",
        "too_few_values": "text{0}label\na\n",
        "quotes_at_the_start": 'text{0}label\n"Tis good{0}pos\nbad{0}neg\n"Oh fine{0}pos\nworse{0}neg\n',
        "quote_without_end": 'text{0}label\n"a{0}b\nc{0}d\n',
        "quote_within": 'text{0}label\na "b" c{0}d\n',
        "quotes_doubled": 'text{0}label\n"a ""b"" c"{0}d\n',
        "lines_within": 'text{0}label\n"a\nb"{0}d\n',
        "blank_lines": "text{0}label\n\n\na{0}b\n\n",
        "carriage_returns": "text{0}label\ra{0}b\r",
        "other_separator": "text;label\na;b\n",
        "byte_order_mark": "\ufefftext{0}label\na{0}b\n",
        "nul": "text{0}label\na\0b{0}c\n",
        "labels_like_numbers": "text{0}label\na{0}1\nb{0}1.0\nc{0}01\n",
        "label_of_a_long_text": "text{0}label\na{0}" + "l" * 1500 + "\n",
        "many_columns": "{0}".join(["text", "label", *map(str, range(300))]) + "\na\n",
        "blank_values": "text{0}label\n {0} \n",
    }
    cases = {}
    for kind, (name, separator) in enumerate({"csv": ",", "tsv": "\t"}.items()):
        for case, table in tables.items():
            table = table.replace("{0}", separator).encode()
            named = case.replace("valid", f"valid_{name}") if case.startswith("valid") else f"{name}_{case}"
            cases[named] = bytes([kind]) + table
        cases[f"{name}_not_utf_8"] = bytes([kind]) + f"text{separator}label\na".encode() + b"\xff\n"
    user, assistant = {"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day"}
    lines = {
        "valid_json_lines": b'{"instruction": "Add.", "input": "1 and 2", "output": "3"}\n',
        "valid_json_list": b' [{"text": "a", "label": "x"},\n {"text": "b", "label": "y"}]',
        "valid_json_messages": text({"messages": [{"role": "system", "content": "Be kind."}, user, assistant]}),
        "valid_json_summaries": text({"document": "A long story.", "summary": "A story."}),
        "valid_json_code": text({"instruction": "go", "output": "  ret x\n"}),
        "json_empty": b"",
        "json_list_empty": b"[]",
        "json_list_without_end": b'[{"text": "a", "label": "x"}',
        "json_list_of_commas": b"[,,]",
        "json_list_of_lists": b"[" * 1500,
        "json_list_and_more": b'[{"text": "a", "label": "x"}] more',
        "json_numbers": b"1\n2\n",
        "json_null": b'{"instruction": null, "output": "a"}\n',
        "json_number_for_a_text": b'{"instruction": 1, "output": "a"}\n',
        "json_label_of_a_list": b'{"text": "a", "label": ["x"]}\n',
        "json_label_of_a_number": b'{"text": "a", "label": 1}\n{"text": "b", "label": 1.0}\n',
        "json_label_of_truth": b'{"text": "a", "label": true}\n',
        "json_field_twice": b'{"text": "a", "text": "b", "label": "x"}\n',
        "json_nan": b'{"text": "a", "label": "x", "score": NaN}\n',
        "json_surrogate": rb'{"text": "\ud800", "label": "x"}',
        "json_messages_empty": text({"messages": []}),
        "json_messages_of_text": text({"messages": "Hello"}),
        "json_messages_of_numbers": text({"messages": [1, 2]}),
        "json_messages_without_answer": text({"messages": [user]}),
        "json_messages_answer_first": text({"messages": [assistant, user]}),
        "json_messages_twice_user": text({"messages": [user, user, assistant]}),
        "json_messages_tool": text({"messages": [user, {"role": "tool", "content": "1"}, assistant]}),
        "valid_json_messages_parts": text(
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}, assistant]}
        ),
        "json_messages_long_role": text({"messages": [{"role": "r" * 1200, "content": "a"}]}),
        "valid_json_conversations": text(
            {"conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Good day"}]}
        ),
        "valid_json_prompt": text({"prompt": "Hello", "completion": "Good day"}),
        "valid_json_question": text({"question": "Hello", "answer": "Good day"}),
        "valid_json_preference": text({"prompt": "Hello", "chosen": "Good day", "rejected": "No"}),
        "valid_json_preference_of_messages": text({"chosen": [user, assistant], "rejected": [user, dict(assistant, content="No")]}),
        "json_preference_of_one_answer": text({"prompt": "Hello", "chosen": "Good day", "rejected": "Good day"}),
        "json_preference_of_half_a_conversation": text({"prompt": "Hello", "chosen": [user, assistant], "rejected": "No"}),
        "json_preference_of_no_answer": text({"chosen": [user], "rejected": [user]}),
        "json_call": text({"conversations": [{"from": "human", "value": "Hello"}, {"from": "function_call", "value": "[1]"}]}),
        "json_messages_in_a_text": text({"messages": text([user, assistant])}),
        "json_not_utf_8": b'{"text": "\xff", "label": "x"}',
        "json_cut": b'{"text": "a", "lab',
    }
    for name, contents in lines.items():
        cases[name] = bytes([2]) + (contents.encode() if isinstance(contents, str) else contents)
    return cases
