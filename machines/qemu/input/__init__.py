"""Acting on a guest. Actions and the keys of remote clients come in; QMP input events go out, in one queue."""
