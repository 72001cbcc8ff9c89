//! Results as text, CSV and charts.
