//! The rule a URL given by a vendor must pass before anything is sent to it.
