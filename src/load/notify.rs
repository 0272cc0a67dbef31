//! Hooks for monitoring.
