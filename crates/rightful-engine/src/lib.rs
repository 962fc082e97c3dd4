//! Decides who owns what, and carries it out, without knowing any vendor, protocol or database.
