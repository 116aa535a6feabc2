"""How predict.py reads messages and writes answers."""
