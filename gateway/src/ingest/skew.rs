//! Clocks of clients that are wrong: a batch has the time when it was sent, by the client's clock, and comes
//! about then by ours.

/// What to add to the times of a batch. Nothing for a clock that is right to the minute; whole
/// minutes, so that a batch that is sent again keeps its times, by which an id is found.
pub fn correction(sent: Option<i64>, now: i64) -> i64 {
    const MINUTE: i64 = 60_000;
    match sent {
        Some(sent) if now.abs_diff(sent) > MINUTE as u64 => {
            let minutes = (now - sent + MINUTE / 2).div_euclid(MINUTE);
            minutes * MINUTE
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::correction;

    #[test]
    fn a_wrong_clock_is_corrected_by_minutes_and_a_right_one_is_not() {
        let now = 1_796_000_000_000;
        assert_eq!(correction(None, now), 0);
        assert_eq!(correction(Some(now - 59_000), now), 0);
        assert_eq!(correction(Some(now + 3_600_000), now), -3_600_000);
        assert_eq!(correction(Some(now + 3_600_000 - 900), now), -3_600_000);
        assert_eq!(correction(Some(now - 7_200_400), now), 7_200_000);
    }
}
