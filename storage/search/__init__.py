"""Finding runs among very many. Words, moments and filters come in; runs go out, a page at a time."""
