"""What PyPI's gguf reads in a file, as JSON: read_with_gguf.py FILE."""

import json
import sys

from gguf import GGMLQuantizationType, GGUFReader, dequantize

reader = GGUFReader(sys.argv[1])
metadata = {
    key: [" ".join(kind.name for kind in field.types[:2]), field.contents()]
    for key, field in reader.fields.items()
    if not key.startswith("GGUF.")
}
tensors = [
    {
        "name": tensor.name,
        "type": GGMLQuantizationType(tensor.tensor_type).name,
        "shape": [int(size) for size in tensor.shape],
        "values": dequantize(tensor.data, tensor.tensor_type).astype("<f4").tobytes().hex(),
    }
    for tensor in reader.tensors
]
print(json.dumps({"metadata": metadata, "tensors": tensors}))
