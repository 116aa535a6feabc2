"""Fuzzing: inputs bred by what of the code they reach, in search of one that breaks a promise."""
