//! How probable a failure may still be after so many seeds.

/// Of the one-sided bound.
const CONFIDENCE: f64 = 0.95;

/// The Clopper-Pearson upper bound: with this probability of failure, so few failures have a chance of 5 %.
#[expect(clippy::cast_precision_loss, reason = "a probability for people")]
pub(crate) fn upper(failures: u64, seeds: u64) -> f64 {
    if failures >= seeds {
        return 1.0;
    }
    let (mut low, mut high) = (failures as f64 / seeds as f64, 1.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if at_most(failures, seeds, middle) > 1.0 - CONFIDENCE {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The chance of at most `failures` in `seeds`, from the logarithms of its terms, which do not underflow.
#[expect(clippy::cast_precision_loss, reason = "a probability for people")]
fn at_most(failures: u64, seeds: u64, p: f64) -> f64 {
    let n = seeds as f64;
    let mut term = n * (-p).ln_1p();
    let mut sum = term;
    for i in 0..failures {
        term += ((n - i as f64) / (i as f64 + 1.0)).ln() + p.ln() - (-p).ln_1p();
        let (large, small) = if term > sum { (term, sum) } else { (sum, term) };
        sum = large + (small - large).exp().ln_1p();
    }
    sum.exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_failures_it_is_the_rule_of_three() {
        for seeds in [100, 10_000, 1_000_000_000] {
            let bound = upper(0, seeds) * seeds as f64;
            assert!((2.9..3.0).contains(&bound), "{seeds}: {bound}");
        }
    }

    /// Known values of the exact interval.
    #[test]
    fn with_failures_it_is_that_of_clopper_and_pearson() {
        for (failures, seeds, bound) in [(1, 10, 0.394_16), (5, 10, 0.777_56), (10, 100, 0.163_72)] {
            assert!((upper(failures, seeds) - bound).abs() < 1e-4, "{}", upper(failures, seeds));
        }
        assert!((upper(30_000, 1_000_000) - 0.030_28).abs() < 1e-4);
        assert!((upper(7, 7) - 1.0).abs() < 1e-9);
    }
}
