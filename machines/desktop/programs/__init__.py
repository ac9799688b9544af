"""The programs of a session: what is started, what they find, and the sandbox around them."""
