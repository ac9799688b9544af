"""The protocol of VNC (RFB, RFC 6143): a client, and a gate that passes the input of other clients on."""
