//! What an allocation really takes: the size classes of jemalloc, which Redis is built with.

/// The bytes that a request for `bytes` occupies.
pub fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        1..=8 => 8,
        9..=128 => bytes.next_multiple_of(16),
        _ => {
            // Four classes to every doubling.
            let step = (bytes - 1).checked_ilog2().map_or(1, |log| 1 << (log - 2));
            bytes.next_multiple_of(step)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::allocated;

    #[test]
    fn sizes_are_those_of_jemalloc() {
        for (asked, given) in [
            (0, 0),
            (1, 8),
            (8, 8),
            (9, 16),
            (40, 48),
            (128, 128),
            (129, 160),
            (161, 192),
            (257, 320),
            (8_192, 8_192),
            (8_193, 10_240),
            (12_288, 12_288),
            (16_385, 20_480),
        ] {
            assert_eq!(allocated(asked), given, "{asked}");
        }
    }
}
