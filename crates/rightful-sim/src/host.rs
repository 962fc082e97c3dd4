//! Serves simulators on loopback sockets.
