"""
Recording.

What an agent says, does and sees comes in, in process or through a proxy; events go out to the store.
"""
