"""The exported model without TensorFlow: answers and explanations."""

import os

# ONNX Runtime would keep a device id below HOME and send events to its maker. It reads this once, when it loads.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
