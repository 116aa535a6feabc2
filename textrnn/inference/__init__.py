"""The exported model without TensorFlow: answers and explanations."""
