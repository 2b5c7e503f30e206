//! The word that was probably meant, for messages that say so.

use alloc::vec::Vec;

/// The candidate closest to `word`, if it is close enough to be what was meant; the first of equals.
///
/// Case and `_` for `-` cost nothing, and a swap of two neighbours costs one, since these are how people mistype.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = normal(word);
    let limit = (word.len() / 3).clamp(1, 3);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other = normal(candidate);
        let allowed = best.map_or(limit + 1, |(distance, _)| distance);
        if word.len().abs_diff(other.len()) >= allowed {
            continue;
        }
        let distance = distance(&word, &other);
        // A word of which nothing is left is another word, not a typing mistake.
        if distance < allowed && distance < word.len().max(other.len()) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn normal(word: &str) -> Vec<char> {
    word.chars().map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// Edit distance with swaps of neighbours, over three rolling rows.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i);
        for j in 1..=b.len() {
            let replace = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replace.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = core::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    /// Slips of the finger are recognised, other words are not.
    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let keys = ["interval", "fast-interval", "timeout", "rise", "fall", "type", "tls"];
        let table = [
            ("intervall", Some("interval")),
            ("fast_interval", Some("fast-interval")),
            ("Timeout", Some("timeout")),
            ("tiemout", Some("timeout")),
            ("rsie", Some("rise")),
            ("fal", Some("fall")),
            ("typ", Some("type")),
            ("colour", None),
            ("x", None),
            ("", None),
        ];
        for (word, meant) in table {
            assert_eq!(nearest(word, keys), meant, "{word}");
        }
    }
}
