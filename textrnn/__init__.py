"""What more than one stage, or predict.py, needs: small modules of pure functions."""
