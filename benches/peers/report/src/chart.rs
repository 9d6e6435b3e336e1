//! The chart: for each scenario on pinned cores a bar for each contender, the shortest first.

use crate::results::{FLOOR, OURS, Results, Table};

/// Panels side by side.
const ACROSS: usize = 3;
const PANEL: usize = 320;
const MARGIN: usize = 12;
/// From one bar to the next.
const STEP: usize = 18;
const TITLE: usize = 44;
/// The names' part of a panel, and that of the figures behind the bars.
const NAMES: usize = 92;
const VALUES: usize = 56;
/// Ratios beyond it would make all other bars short: the figure says how long they are.
const LONGEST: f64 = 4.0;

/// What a panel shows.
struct Panel {
    title: String,
    /// Longer bars are cut off here.
    longest: f64,
    /// Name, length of the bar, text behind it.
    bars: Vec<(String, f64, String)>,
}

pub(crate) fn draw(results: &Results) -> String {
    let panels = panels(results);
    let bars = panels.iter().map(|panel| panel.bars.len()).max();
    let height = TITLE + bars.unwrap_or(0) * STEP + MARGIN;
    let rows = panels.len().div_ceil(ACROSS);
    let (width, total) = (ACROSS * PANEL, TITLE + rows * height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {total}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{total}\" fill=\"#ffffff\"/>\n"
    );
    let about = |key: &str| results.about.get(key).map_or("", String::as_str);
    out += &text(
        MARGIN,
        20,
        "start",
        "15",
        "Server CPU for each request, to the floor's",
    );
    let place = format!("{}, {}", about("machine"), about("date"));
    out += &text(MARGIN, 36, "start", "11", &place);
    for (index, panel) in panels.iter().enumerate() {
        let x = index % ACROSS * PANEL;
        let y = TITLE + index / ACROSS * height;
        out += &panel.draw(x, y);
    }
    out + "</svg>\n"
}

fn panels(results: &Results) -> Vec<Panel> {
    let mut panels: Vec<Panel> = results
        .tables
        .iter()
        .filter(|table| table.placement == results.tables[0].placement && table.has("cpu_us"))
        .map(Panel::of_cpu)
        .collect();
    let tail = |table: &&Table| table.scenario == "burn" && table.placement == "both";
    panels.extend(results.tables.iter().find(tail).map(Panel::of_tail));
    if !results.idle_bytes.is_empty() {
        let bars = results.idle_bytes.iter();
        let bars = bars.map(|(name, bytes)| (name.clone(), *bytes, format!("{bytes:.0}")));
        panels.push(Panel::new(
            "user memory of an idle connection, bytes",
            f64::MAX,
            bars,
        ));
    }
    panels
}

impl Panel {
    fn new(title: &str, longest: f64, bars: impl Iterator<Item = (String, f64, String)>) -> Self {
        let mut bars: Vec<_> = bars.collect();
        bars.sort_by(|a, b| a.1.total_cmp(&b.1));
        let title = title.to_owned();
        Self {
            title,
            longest,
            bars,
        }
    }

    fn of_cpu(table: &Table) -> Self {
        let bars = table.rows.iter().filter_map(|row| {
            let ratio = *row.to_floor.get("cpu_us")?;
            Some((row.contender.clone(), ratio, format!("{ratio:.2}")))
        });
        Self::new(&table.scenario, LONGEST, bars)
    }

    fn of_tail(table: &Table) -> Self {
        let bars = table.rows.iter().filter_map(|row| {
            let millis = row.figures.get("mean_us")? / 1e3;
            Some((row.contender.clone(), millis, format!("{millis:.2}")))
        });
        Self::new("beside 10 ms burns, on two cores: mean, ms", f64::MAX, bars)
    }

    fn draw(&self, x: usize, y: usize) -> String {
        let mut out = text(x + MARGIN, y + TITLE - 14, "start", "13", &self.title);
        let room = (PANEL - NAMES - VALUES - MARGIN) as f64;
        // Where one bar is the longest of all it may fill its panel.
        let longest = self.bars.last().map_or(1.0, |bar| bar.1.min(self.longest));
        let longest = longest.max(f64::MIN_POSITIVE);
        for (index, (name, length, value)) in self.bars.iter().enumerate() {
            let top = y + TITLE + index * STEP;
            let width = length.min(longest) / longest * room;
            let fill = match name.as_str() {
                OURS => "#c2410c",
                FLOOR => "#9ca3af",
                _ => "#3b6ea5",
            };
            out += &text(x + NAMES - 6, top + 9, "end", "12", name);
            out += &format!(
                "<rect x=\"{}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\" fill=\"{fill}\"/>\n",
                x + NAMES,
                top - 2,
                STEP - 5,
            );
            let cut = if *length > longest { "… " } else { "" };
            let end = x + NAMES + width as usize + 4;
            out += &text(end, top + 9, "start", "11", &format!("{cut}{value}"));
        }
        out
    }
}

fn text(x: usize, y: usize, anchor: &str, size: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" font-size=\"{size}\" \
         fill=\"#1f2937\">{text}</text>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_bar_first_and_the_longest_cut() {
        let records = "\
            contender=slow scenario=json placement=pinned cpu_us=400\n\
            contender=a<b scenario=json placement=pinned cpu_us=8\n\
            contender=floor scenario=json placement=pinned cpu_us=4\n\
            contender=a<b scenario=burn placement=both mean_us=150\n\
            contender=a<b scenario=idle placement=pinned bytes=650\n";
        let results = Results::read(records, [].into()).expect("well-formed");
        let chart = draw(&results);
        let at = |text: &str| {
            chart
                .find(text)
                .unwrap_or_else(|| panic!("{text}\n{chart}"))
        };
        assert!(at(">floor<") < at(">a&lt;b<") && at(">a&lt;b<") < at(">slow<"));
        assert!(chart.contains(">… 100.00<"), "{chart}");
        assert!(
            chart.contains(">0.15<") && chart.contains(">650<"),
            "{chart}"
        );
        let rects = |chart: &str| chart.matches("<rect").count();
        assert_eq!(rects(&chart), 1 + 5);
        // Nothing measured: an empty chart, no panic.
        assert_eq!(
            rects(&draw(&Results::read("", [].into()).expect("empty"))),
            1
        );
    }
}
