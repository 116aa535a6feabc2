"""What is said of single rows and of the test: label errors, neighbours, warnings, requirements."""
