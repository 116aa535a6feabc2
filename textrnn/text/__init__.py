"""From a text to tokens, subwords and n-grams."""
