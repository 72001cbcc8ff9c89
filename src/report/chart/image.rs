//! From a drawing with text to what is handed out: SVG whose letters are outlines, and PNG.

use super::Sketch;
use super::canvas::FINENESS;
use super::font;
use super::outline::shortened;
use super::theme::{HEIGHT, WIDTH};
use crate::Error;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Indent, Options, Tree, WriteOptions, fontdb};
use std::sync::Arc;

/// The embedded fonts and no other: what the machine has makes no difference.
pub(crate) fn fonts() -> Arc<fontdb::Database> {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(font::REGULAR.to_vec());
    fonts.load_font_data(font::SEMI_BOLD.to_vec());
    fonts.set_sans_serif_family(font::FAMILY);
    Arc::new(fonts)
}

/// SVG and PNG of a drawing.
pub(crate) fn finish(
    sketch: &Sketch,
    fonts: &Arc<fontdb::Database>,
) -> Result<(String, Vec<u8>), Error> {
    let options = Options {
        fontdb: Arc::clone(fonts),
        font_family: font::FAMILY.into(),
        ..Options::default()
    };
    let drawing = with_root(&sketch.svg)?;
    let tree = Tree::from_str(&drawing, &options).map_err(failed)?;
    let svg = tree.to_string(&WriteOptions {
        preserve_text: false,
        // The drawing's own coordinates are whole, an eighth of a pixel each: enough for outlines.
        coordinates_precision: 0,
        transforms_precision: 4,
        indent: Indent::None,
        attributes_indent: Indent::None,
        ..WriteOptions::default()
    });
    let mut pixels = Pixmap::new(WIDTH as u32, HEIGHT as u32)
        .ok_or_else(|| Error::Chart("no room for its pixels".into()))?;
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    let png = pixels.encode_png().map_err(failed)?;
    Ok((described(&shortened(&svg), &sketch.title)?, png))
}

/// The backend's root, replaced: the size that the chart has, over the finer coordinates that it
/// is drawn in, and rounded corners for all its lines.
fn with_root(svg: &str) -> Result<String, Error> {
    let body = after_root(svg)?;
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         viewBox=\"0 0 {} {}\" stroke-linejoin=\"round\" stroke-linecap=\"round\">{body}",
        WIDTH * FINENESS,
        HEIGHT * FINENESS,
    ))
}

/// With a view box, so that it scales with its place, and a title for those who cannot see it.
fn described(svg: &str, title: &str) -> Result<String, Error> {
    let body = after_root(svg)?;
    let mut escaped = String::new();
    for letter in title.chars().filter(|c| !c.is_control()) {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            other => escaped.push(other),
        }
    }
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
         width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\
         <title>{escaped}</title>{body}\n",
    ))
}

fn after_root(svg: &str) -> Result<&str, Error> {
    let start = svg
        .find("<svg")
        .ok_or_else(|| Error::Chart("no root".into()))?;
    let end = svg[start..]
        .find('>')
        .ok_or_else(|| Error::Chart("an open root".into()))?;
    Ok(&svg[start + end + 1..])
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Chart(error.to_string())
}
