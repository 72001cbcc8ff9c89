//! What every report is inside of: one file that asks for nothing else, and is forbidden to.

use super::plot::Plots;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/page.js");

/// Nothing is loaded from anywhere, whatever the page contains.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      img-src data:; base-uri 'none'; form-action 'none'";

/// A part of a page that the line at its top leads to.
pub(crate) struct Section {
    /// Unique on the page: letters, digits and `-`.
    pub(crate) id: &'static str,
    pub(crate) title: String,
    pub(crate) body: Markup,
}

impl Section {
    pub(crate) fn new(id: &'static str, title: impl Into<String>, body: Markup) -> Self {
        Self {
            id,
            title: title.into(),
            body,
        }
    }
}

/// The whole file.
pub(crate) fn page(title: &str, head: &Markup, sections: &[Section], plots: &Plots) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content=(concat!("stormglass ", env!("CARGO_PKG_VERSION")));
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                header.top { h1 { (title) } (head) }
                nav aria-label="sections" { div {
                    @for section in sections { a href=(format!("#{}", section.id)) { (section.title) } }
                    button #theme type="button" title="light or dark" { "light/dark" }
                } }
                main { @for section in sections {
                    section id=(section.id) {
                        h2 { (section.title) }
                        (section.body)
                    }
                } }
                footer { "Made by stormglass " (env!("CARGO_PKG_VERSION"))
                    ". This file is all there is: it asks for nothing over a network." }
                script #data type="application/json" { (PreEscaped(plots.data())) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_and_the_style_stay_inside_their_elements() {
        assert!(!SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
        assert!(!STYLE.contains("</"));
        // Names reach the page as text only.
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!SCRIPT.contains(way), "{way}");
        }
    }

    #[test]
    fn a_page_names_no_place_outside_of_itself() {
        let page = page("a < b", &html! {}, &[], &Plots::default());
        assert!(page.contains("<title>a &lt; b</title>"), "{page}");
        assert!(
            !page.contains("http://") && !page.contains("https://"),
            "{page}"
        );
        assert!(!page.contains("url(") && !page.contains("src="), "{page}");
    }
}
