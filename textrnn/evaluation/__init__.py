"""What the scored rows show: mistakes, their neighbours, likely label errors, warnings, requirements."""
