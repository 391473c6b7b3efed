//! Periods, zones and windows.
