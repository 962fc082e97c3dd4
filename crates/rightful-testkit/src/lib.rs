//! Replays recorded exchanges and holds every connector to its contract.
