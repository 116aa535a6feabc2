"""Where the raw corpus comes from, and how its bytes become rows."""
