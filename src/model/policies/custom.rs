//! Layers of implementations that somebody else wrote: found by their names, with settings that
//! only they know. It refuses to know what a setting means: the implementation is asked.

use crate::problem::Span;
use crate::quantity::{parse_duration, parse_number, parse_percent, parse_rate};
use crate::reader::{At, Keyed, Reader, Value, did_you_mean};
use crate::schema::Defs;
use crate::shape::record;
use crate::tree::{Kind, Node, shortened};
use policy::config::{CustomConfig, LayerConfig, Role};
use policy::custom::{Setting, Settings};
use serde_json::{Value as Json, json};

record! {
    /// A layer of an implementation that somebody else wrote.
    CustomShape {
        /// Its name.
        required implementation: String,
        /// Its settings.
        optional with: Keyed<SettingsShape>,
    }
}

/// Settings that only an implementation knows: names and single values.
#[derive(Clone, Debug)]
pub(crate) struct SettingsShape(Settings);

impl Value for SettingsShape {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            cx.expected("a map of settings", node);
            return None;
        };
        let setting = |(key, value): &(crate::tree::Key, Node)| {
            let setting = read_setting(value, cx)?;
            Some((key.text.clone(), setting))
        };
        Some(Self(Settings(entries.iter().filter_map(setting).collect())))
    }

    fn schema(defs: &mut Defs) -> Json {
        defs.named::<Self>("Settings", |_| {
            json!({
                "description": "Settings that only an implementation knows: durations, rates, \
                                ratios, numbers, flags and texts.",
                "type": "object",
                "additionalProperties": {"type": ["string", "number", "boolean"]},
            })
        })
    }
}

/// A single value, as what it looks like. In quotes it is a text.
fn read_setting(node: &Node, cx: &mut Reader<'_>) -> Option<Setting> {
    let Kind::Scalar(scalar) = &node.kind else {
        cx.expected("a single value", node)
            .help("a setting is a duration, a rate, a ratio, a number, `true`, `false` or a text");
        return None;
    };
    let text = scalar.text.as_str();
    let known = || match text {
        "true" => Some(Setting::Flag(true)),
        "false" => Some(Setting::Flag(false)),
        _ => parse_number(text)
            .or_else(|| parse_percent(text))
            .or_else(|| parse_rate(text).ok())
            .map(Setting::Number)
            .or_else(|| parse_duration(text).ok().map(Setting::Duration)),
    };
    let known = if scalar.plain { known() } else { None };
    Some(known.unwrap_or_else(|| Setting::Text(text.to_owned())))
}

/// The custom layer of this name; asked once whether it can do what is set.
pub(super) fn resolve_custom(
    implementation: &At<String>,
    with: Option<At<Keyed<SettingsShape>>>,
    role: Role,
    keys: &[(String, Span)],
    cx: &mut Reader<'_>,
) -> Option<LayerConfig> {
    let Some(maker) = cx.registry.get(implementation) else {
        let names: Vec<&str> = cx.registry.names().collect();
        let help = did_you_mean(
            implementation,
            names,
            "there is",
            "this program has none built in",
        );
        let message = format!("there is no implementation `{}`", shortened(implementation));
        cx.problem(implementation.span, message).help(help);
        return None;
    };
    let (settings, own) = with.map_or_else(
        || (Settings::default(), Vec::new()),
        |with| (with.value.value.0, with.value.keys),
    );
    let config = CustomConfig {
        role,
        settings,
        maker: maker.clone(),
    };
    if let Err(why) = maker.make(&config) {
        // It names what is wrong; that is where to point.
        let named = why.split('`').skip(1).step_by(2);
        let place = |name: &str| {
            let found = own.iter().chain(keys).find(|(key, _)| key == name);
            found.map(|(_, span)| *span)
        };
        let at = named.filter_map(place).next();
        cx.problem(
            at.unwrap_or(implementation.span),
            format!("`{}` refuses this: {why}", maker.name()),
        );
        return None;
    }
    Some(LayerConfig::Custom(config))
}
