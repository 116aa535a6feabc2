"""Messages that a model has been given, compared with those it was tested on, and which of them to label next."""
