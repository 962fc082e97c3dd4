//! Pages and API.
