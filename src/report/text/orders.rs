//! The page's table of orders: in which state they ended, the best first.

use super::{heading, plain};
use crate::style::{Ink, Style};
use crate::table::Table;
use crate::units::{count, percent};
use study::record::OrdersRecord;

/// A row for each state that an order is in.
pub(super) fn write(orders: Option<&OrdersRecord>, style: &Style, out: &mut String) {
    let Some(orders) = orders else {
        return;
    };
    heading("Orders", style, out);
    let mut table = Table::new(&[orders.workload.as_str(), "orders", "share", ""]);
    let rows = [
        (
            "confirmed",
            orders.confirmed,
            Ink::Plain,
            "whole, and the client knows",
        ),
        (
            "unacknowledged",
            orders.unacknowledged,
            Ink::Warning,
            "whole, but the client was told otherwise",
        ),
        (
            "duplicated",
            orders.duplicated,
            Ink::Bad,
            "something was done twice",
        ),
        (
            "corrupt",
            orders.corrupt,
            Ink::Bad,
            "something was done wrongly",
        ),
        (
            "lost",
            orders.lost,
            Ink::Bad,
            "the client thinks it is done, and it is not",
        ),
        (
            "stuck",
            orders.stuck,
            Ink::Bad,
            "half done, and so it stays",
        ),
        (
            "compensated",
            orders.compensated,
            Ink::Plain,
            "undone, and the client knows",
        ),
        (
            "refused",
            orders.refused,
            Ink::Plain,
            "never begun, and the client knows",
        ),
        (
            "open",
            orders.open,
            Ink::Plain,
            "still under way at the end",
        ),
    ];
    for (state, n, ink, meaning) in rows {
        if n == 0 {
            continue;
        }
        table.row(vec![
            plain(state),
            (count(n), ink),
            plain(percent(n as f64 / orders.placed as f64)),
            plain(meaning),
        ]);
    }
    table.render(style, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_without_orders_are_left_out_and_lines_fit() {
        let orders = OrdersRecord {
            workload: "shoppers".into(),
            placed: 1_234_567,
            confirmed: 1_234_000,
            unacknowledged: 60,
            duplicated: 0,
            corrupt: 500,
            lost: 7,
            stuck: 0,
            compensated: 0,
            refused: 0,
            open: 0,
        };
        let mut page = String::new();
        write(Some(&orders), &Style::default(), &mut page);
        assert!(
            page.lines().all(|line| line.chars().count() <= 80),
            "{page}"
        );
        assert!(
            page.contains("1,234,000") && page.contains("lost"),
            "{page}"
        );
        assert!(!page.contains("stuck"), "{page}");
    }
}
