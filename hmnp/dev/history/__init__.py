"""Years of made-up bookings for measuring: planned, written as rows, copied in."""
