"""Tests of textrnn: real parts, invented messages."""
