"""A private X display. An X server's picture and its cookie come in; screenshots and connections go out."""
