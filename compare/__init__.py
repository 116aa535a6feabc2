"""The default and other models, over several splits and under three protocols: a DVC project of its own."""
