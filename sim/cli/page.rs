//! A story as one page that needs nothing else: no server, no network, no other file.

use maglev_sim::story::Story;

/// The page without its story.
const TEMPLATE: &str = include_str!("page.html");
/// Where the story goes.
const PLACE: &str = "{{story}}";

/// The whole page.
pub(crate) fn page(story: &Story) -> String {
    let json = serde_json::to_string(story).expect("a story has string keys only");
    // Inside a script element only `<` can end it; JSON has it in strings alone, where it may be written so.
    TEMPLATE.replacen(PLACE, &json.replace('<', "\\u003c"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_loads_nothing() {
        assert_eq!(TEMPLATE.matches(PLACE).count(), 1);
        for word in ["http:", "https:", "src=", "href=", "url(", "@import", "fetch(", "import("] {
            assert!(!TEMPLATE.contains(word), "page.html has {word:?}");
        }
        assert!(TEMPLATE.lines().count() < 400);
    }

    #[test]
    fn no_text_ends_the_script_or_begins_another() {
        let about = "</script><script>alert(1)</script> <!-- {{story}}";
        let page = page(&Story { about: about.into(), ..Story::default() });
        let after =
            page.split_once(r#"<script type="application/json" id="story">"#).expect("it has a story").1;
        let json = after.split_once("</script>").expect("it ends").0;
        let read: serde_json::Value = serde_json::from_str(json.trim()).expect("it is JSON");
        assert_eq!(read["about"], about);
        assert!(!page.contains("alert(1)</script>"));
    }
}
