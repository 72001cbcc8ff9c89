//! Where the figures come from: the model file as it was, and the manifest.

use maud::{Markup, html};

/// A text of another file, folded, its lines numbered.
pub(crate) fn file(name: &str, text: &str) -> Markup {
    let lines = text.lines().count();
    html! {
        details {
            summary { (name) " " span.soft { "(" (lines) " lines)" } }
            pre.file { @for line in text.lines() { span { (line) @if line.is_empty() { " " } } } }
        }
    }
}

/// A button that puts a text where it can be pasted from, with the text beside it.
pub(crate) fn copied(text: &str) -> Markup {
    html! { button.copy type="button" data-text=(text) title="copy the command" { "copy" } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_shown_line_by_line_and_not_read_as_a_page() {
        let text = file("model.yaml", "name: <img src=x>\n\nrun: {}\n").into_string();
        assert!(
            text.contains("(3 lines)") && text.contains("&lt;img src=x&gt;"),
            "{text}"
        );
        assert_eq!(text.matches("<span>").count(), 3, "{text}");
        let button = copied("a \"b\" <c>").into_string();
        assert!(
            button.contains("data-text=\"a &quot;b&quot; &lt;c&gt;\""),
            "{button}"
        );
    }
}
