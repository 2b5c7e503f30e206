//! The word that was probably meant.

/// The nearest of `known`, if it is near enough to be a slip of the fingers.
pub fn to<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    let ranked = known.filter(|it| !it.starts_with('<')).map(|it| (strsim::osa_distance(word, it), it));
    ranked.filter(|(distance, it)| *distance <= limit && it.len() > 1).min().map(|(_, it)| it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slips_are_guessed() {
        let known = ["show", "set", "explain"];
        assert_eq!(to("shwo", known.into_iter()), Some("show"));
        assert_eq!(to("explian", known.into_iter()), Some("explain"));
        assert_eq!(to("reboot", known.into_iter()), None);
    }
}
