//! Section 3, "Coroutines".

use ringspun::channel::{Receiver, Sender, channel};
use ringspun::spawn;

use crate::notation::{Outcome, parallel};

/// Characters of a card, and of a line of the printer.
pub(crate) const CARD: usize = 80;
pub(crate) const LINE: usize = 125;

/// 3.1 COPY: what comes from the west goes to the east.
pub(crate) async fn copy<T: Send>(west: Receiver<T>, east: Sender<T>) -> Outcome {
    while let Some(value) = west.recv().await {
        east.send(value).await?;
    }
    Ok(())
}

/// 3.2 SQUASH: copies, but of two asterisks in a row it makes an upward arrow.
///
/// A single asterisk at the end is copied: the paper's exercise.
pub(crate) async fn squash(west: Receiver<char>, east: Sender<char>) -> Outcome {
    while let Some(c) = west.recv().await {
        if c != '*' {
            east.send(c).await?;
            continue;
        }
        match west.recv().await {
            Some('*') => east.send('↑').await?,
            Some(c) => {
                east.send('*').await?;
                east.send(c).await?;
            }
            None => east.send('*').await?,
        }
    }
    Ok(())
}

/// 3.3 DISASSEMBLE: cards become a stream of characters, with a space after each card.
pub(crate) async fn disassemble(cardfile: Receiver<String>, x: Sender<char>) -> Outcome {
    while let Some(card) = cardfile.recv().await {
        for c in card.chars() {
            x.send(c).await?;
        }
        x.send(' ').await?;
    }
    Ok(())
}

/// 3.4 ASSEMBLE: a stream of characters becomes lines; the last one is filled with spaces.
pub(crate) async fn assemble(x: Receiver<char>, lineprinter: Sender<String>) -> Outcome {
    let mut line = String::new();
    let mut length = 0;
    while let Some(c) = x.recv().await {
        line.push(c);
        length += 1;
        if length == LINE {
            lineprinter.send(std::mem::take(&mut line)).await?;
            length = 0;
        }
    }
    if length > 0 {
        lineprinter.send(format!("{line:LINE$}")).await?;
    }
    Ok(())
}

/// 3.5 REFORMAT: cards become lines.
pub(crate) async fn reformat(cardfile: Receiver<String>, lineprinter: Sender<String>) -> Outcome {
    let (to_x, west) = channel(0);
    let (to_east, x) = channel(0);
    parallel([
        spawn(disassemble(cardfile, to_x)),
        spawn(copy(west, to_east)),
        spawn(assemble(x, lineprinter)),
    ])
    .await
}

/// 3.6 Conway's problem: the same, and pairs of asterisks become upward arrows.
pub(crate) async fn conway(cardfile: Receiver<String>, lineprinter: Sender<String>) -> Outcome {
    let (to_x, west) = channel(0);
    let (to_east, x) = channel(0);
    parallel([
        spawn(disassemble(cardfile, to_x)),
        spawn(squash(west, to_east)),
        spawn(assemble(x, lineprinter)),
    ])
    .await
}
