"""The `vnc` machine: anything that speaks RFB."""
