"""How good the answers are: scores, intervals, thresholds."""
