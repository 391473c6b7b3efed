//! Sums against exact arithmetic on lists of bits.

use proptest::prelude::*;

use super::*;

fn sum(numbers: &[f64]) -> Sum {
    numbers.iter().fold(Sum::ZERO, |mut sum, x| {
        sum.add(Sum::of(*x));
        sum
    })
}

fn encoded(sum: Sum) -> Vec<u8> {
    let mut writer = Writer::new();
    sum.encode(&mut writer);
    writer.into_bytes()
}

fn decoded(bytes: &[u8]) -> Result<Sum, Corrupt> {
    let mut reader = Reader::new(bytes);
    let sum = Sum::decode(&mut reader)?;
    reader.finish()?;
    Ok(sum)
}

/// The exact sum of `numbers` as an expansion (Shewchuk): floats that do not overlap, the largest
/// last, of which the sum rounds correctly as Python's `fsum` does it.
fn correctly_rounded(numbers: &[f64]) -> f64 {
    let mut partials: Vec<f64> = Vec::new();
    for number in numbers {
        let (mut x, mut kept) = (*number, Vec::new());
        for partial in &partials {
            let (large, small) = if x.abs() < partial.abs() {
                (*partial, x)
            } else {
                (x, *partial)
            };
            let high = large + small;
            let low = small - (high - large);
            if low != 0.0 {
                kept.push(low);
            }
            x = high;
        }
        kept.push(x);
        partials = kept;
    }
    let (mut high, mut low) = (partials.pop().unwrap_or(0.0), 0.0);
    while let Some(next) = partials.pop() {
        let x = high;
        high = x + next;
        low = next - (high - x);
        if low != 0.0 {
            break;
        }
    }
    // Half-way cases round by the bits below.
    if let Some(below) = partials.last() {
        if (low < 0.0 && *below < 0.0) || (low > 0.0 && *below > 0.0) {
            let double = low * 2.0;
            let x = high + double;
            if double == x - high {
                high = x;
            }
        }
    }
    high
}

fn ordinary() -> impl Strategy<Value = f64> {
    prop_oneof![
        -1e6..1e6f64,
        -1.0..1.0f64,
        (-1e6..1e6f64).prop_map(|x| (x * 100.0).round() / 100.0),
        (1.0..10.0f64, -15..24i32, any::<bool>())
            .prop_map(|(m, e, minus)| m * 10f64.powi(e) * if minus { -0.1 } else { 0.1 }),
        Just(0.0),
        Just(-0.0),
        (0..1_000_000u64).prop_map(|n| n as f64),
    ]
}

fn hostile() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::MAX),
        Just(f64::MIN),
        Just(f64::MIN_POSITIVE),
        Just(-f64::MIN_POSITIVE / 3.0),
        Just(1e300),
        Just(2f64.powi(80)),
        Just(-2f64.powi(79)),
        Just(2f64.powi(-106)),
        Just(2f64.powi(-107)),
        (-1e24..1e24f64),
        proptest::num::f64::ANY.prop_filter("finite", |x| x.is_finite()),
        ordinary(),
    ]
}

proptest! {
    #[test]
    fn a_sum_of_ordinary_numbers_is_exact(numbers in prop::collection::vec(ordinary(), 0..25)) {
        let sum = sum(&numbers);
        prop_assert!(sum.is_exact());
        prop_assert_eq!(sum.value(), correctly_rounded(&numbers));
        let negative: Vec<f64> = numbers.iter().map(|x| -x).collect();
        let mut none = sum;
        none.add(super::tests::sum(&negative));
        prop_assert_eq!(none, Sum::ZERO);
    }

    #[test]
    fn a_sum_does_not_depend_on_the_order(
        (numbers, shuffled) in prop::collection::vec(ordinary(), 0..25)
            .prop_flat_map(|numbers| (Just(numbers.clone()), Just(numbers).prop_shuffle())),
        cut in 0..25usize,
    ) {
        let (left, right) = shuffled.split_at(cut.min(shuffled.len()));
        let mut merged = sum(right);
        merged.add(sum(left));
        prop_assert_eq!(merged, sum(&numbers));
        prop_assert_eq!(encoded(merged), encoded(sum(&numbers)));
    }

    #[test]
    fn no_number_makes_a_sum_infinite(numbers in prop::collection::vec(hostile(), 0..20)) {
        let sum = sum(&numbers);
        prop_assert!(sum.value().is_finite());
        prop_assert_eq!(decoded(&encoded(sum)), Ok(sum));
    }

    #[test]
    fn one_number_is_its_own_sum(x in hostile()) {
        prop_assert_eq!(Sum::of(x).value().to_bits(), (x + 0.0).to_bits());
        prop_assert_eq!(decoded(&encoded(Sum::of(x))), Ok(Sum::of(x)));
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(
        head in prop_oneof![0..4u8, 0x80..0x84u8, Just(24), Just(0x40), any::<u8>()],
        rest in prop::collection::vec(any::<u8>(), 0..27),
    ) {
        let bytes = [vec![head], rest].concat();
        let mut reader = Reader::new(&bytes);
        if let Ok(sum) = Sum::decode(&mut reader) {
            let read = bytes.len() - reader.remaining();
            prop_assert_eq!(&encoded(sum), &bytes[..read]);
            prop_assert!(sum.value().is_finite());
        }
    }
}

#[test]
fn a_sum_that_outgrows_its_words_becomes_a_float() {
    let large = 2f64.powi(80) - 2f64.powi(28);
    let mut sum = Sum::ZERO;
    for _ in 0..100 {
        sum.add(Sum::of(large));
    }
    assert!(!sum.is_exact());
    assert!((sum.value() / (100.0 * large) - 1.0).abs() < 1e-14);
    assert_eq!(decoded(&encoded(sum)), Ok(sum));
    for sign in [1.0, -1.0] {
        let sum = super::tests::sum(&[sign * f64::MAX, sign * f64::MAX]);
        assert_eq!(sum.value(), sign * f64::MAX);
    }
}

#[test]
fn a_stored_sum_is_short() {
    assert_eq!(encoded(Sum::of(0.0)), [0]);
    assert_eq!(encoded(Sum::of(1024.0)), [1, 116, 1]);
    assert_eq!(encoded(Sum::of(-3.0)), [0x81, 106, 3]);
    assert_eq!(encoded(Sum::of(f64::MAX)).len(), 9);
    let problem = |bytes: &[u8]| decoded(bytes).unwrap_err().problem;
    assert_eq!(problem(&[0x80]), "of no form that is written");
    assert_eq!(problem(&[25]), "of no form that is written");
    assert_eq!(problem(&[1, 0, 2]), "not in its shortest form");
    assert_eq!(problem(&[2, 0, 1, 0]), "not in its shortest form");
    assert_eq!(problem(&[1, 191, 1]), "out of range");
    assert_eq!(problem(&[2, 0, 1]), "truncated");
}
