"""Recipes to run, and the results they gave."""
