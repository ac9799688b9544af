"""The reference agent loop and the models it talks to. A task and a machine come in; a recorded run goes out."""
