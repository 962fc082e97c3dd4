//! Fault plans: which request meets which misfortune.
//!
//! A plan is text, so that it fits on a command line: `3:429;5-7:500;*:slow=50;9:drop-after;4:vendor-fault-name`.
