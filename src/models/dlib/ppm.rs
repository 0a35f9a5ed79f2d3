//! dlib's compressed streams (`compress_stream::kernel_1ea`), read without trusting them.
//!
//! A byte is predicted from up to four bytes before it ("prediction by partial matching" after Moffat, with escapes of
//! method D and counts inherited from shorter contexts), and its share of the predictions is narrowed down by a range
//! coder. Symbol 256 ends the stream; a CRC-32 of all bytes follows. After each 20,000 symbols stands a fixed value.

use super::reader::fault;
use crate::error::Result;

/// Bytes, and the end of the stream.
const ALPHABET: u32 = 257;
const END: u16 = 256;
/// The longest context.
const ORDER: usize = 4;
/// When the contexts are forgotten.
const MAX_NODES: usize = 200_000;
/// When the counts of a context are halved.
const MAX_TOTAL: u16 = 10_000;
/// The fixed value between symbols.
const MARK: (u32, u32, usize) = (1500, 8000, 20_000);
/// How many bytes the coder may want beyond the end.
const BEYOND: usize = 8;
/// The root among the nodes; no node has it as a child or sibling, so there it says "none".
const ROOT: usize = 0;

/// The content of a compressed stream of at most `limit` bytes. `file` names it in errors.
pub(super) fn decompress(file: &str, bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    let mut contexts = Contexts::new(RangeCoder::new(bytes));
    contexts.content(limit).map_err(|why| {
        let at = contexts.coder.position.min(bytes.len());
        fault(file, format_args!("{why}, in the compressed text"), at)
    })
}

type Step<T> = std::result::Result<T, &'static str>;

const BROKEN: &str = "expected a symbol, found bytes that stand for none";

/// A context: its last symbol, how often that was seen, and what came after the context.
#[derive(Clone, Copy, Default)]
struct Node {
    first_child: usize,
    sibling: usize,
    /// The same context without its oldest symbol.
    shorter: usize,
    symbol: u16,
    count: u16,
    /// The counts of the children and `escapes`.
    total: u16,
    escapes: u16,
}

struct Contexts<'a> {
    coder: RangeCoder<'a>,
    nodes: Vec<Node>,
    /// The context of the next symbol, and its length.
    current: usize,
    order: usize,
}

impl<'a> Contexts<'a> {
    fn new(coder: RangeCoder<'a>) -> Self {
        Self { coder, nodes: vec![Node::default()], current: ROOT, order: 0 }
    }

    fn content(&mut self, limit: usize) -> Step<Vec<u8>> {
        let mut content = Vec::new();
        let (mark, total, interval) = MARK;
        let mut since = 0;
        loop {
            if since == interval {
                since = 0;
                if self.coder.target(total)? != mark {
                    return Err("expected the mark between symbols, found another value");
                }
                self.coder.narrow(mark, mark + 1)?;
            }
            since += 1;
            match self.symbol()? {
                END => break,
                _ if content.len() == limit => return Err("expected a shorter text"),
                symbol => content.push(symbol as u8),
            }
        }
        let mut sum = 0;
        for _ in 0..4 {
            let byte = u8::try_from(self.symbol()?).map_err(|_| "expected a checksum, found the end")?;
            sum = sum << 8 | u32::from(byte);
        }
        if sum == crc32fast::hash(&content) { Ok(content) } else { Err("expected the checksum of the text") }
    }

    /// The next symbol.
    fn symbol(&mut self) -> Step<u16> {
        let (mut context, mut order) = (self.current, self.order);
        let mut next = None;
        let mut newest = None;
        let mut added: Vec<(usize, usize)> = Vec::with_capacity(ORDER + 1);
        let mut excluded = Excluded::default();
        // The count of the symbol where it was found, and the total there.
        let (symbol, count, total) = loop {
            if self.nodes.len() >= MAX_NODES {
                self.nodes.clear();
                self.nodes.push(Node::default());
                (context, order, next, newest) = (ROOT, 0, None, None);
                added.clear();
                excluded = Excluded::default();
                continue;
            }
            let new = if self.nodes[context].total > 0 {
                let (found, last, above, total) = self.look(context, &mut excluded)?;
                if let Some((node, before)) = found {
                    if let Some(newest) = newest {
                        self.shorten(newest, node);
                    }
                    let count = self.nodes[node].count;
                    self.coder.narrow(above - u32::from(count), above)?;
                    self.nodes[node].count = count.wrapping_add(8);
                    self.nodes[context].total = self.nodes[context].total.wrapping_add(8);
                    if let Some(before) = before {
                        // To the front: it is likely to come again.
                        self.nodes[before].sibling = self.nodes[node].sibling;
                        self.nodes[node].sibling = self.nodes[context].first_child;
                        self.nodes[context].first_child = node;
                    }
                    let follow = || if order < ORDER { (node, order + 1) } else { (self.nodes[node].shorter, order) };
                    (self.current, self.order) = next.unwrap_or_else(follow);
                    let node = self.nodes[node];
                    break (node.symbol, node.count, self.nodes[context].total);
                }
                let new = self.add();
                self.nodes[last].sibling = new;
                self.coder.narrow(above, total)?;
                new
            } else {
                let new = self.add();
                self.nodes[context].first_child = new;
                new
            };
            if let Some(newest) = newest {
                self.shorten(newest, new);
            }
            newest = Some(new);
            if next.is_none() && order < ORDER {
                next = Some((new, order + 1));
            }
            added.push((new, context));
            if context == ROOT {
                // Nothing is known: all symbols are as likely.
                let symbol = self.coder.target(ALPHABET)?;
                self.coder.narrow(symbol, symbol + 1)?;
                let symbol = u16::try_from(symbol).map_err(|_| BROKEN)?;
                if excluded.has(symbol) {
                    return Err(BROKEN);
                }
                self.shorten(new, ROOT);
                (self.current, self.order) = next.unwrap_or((ROOT, 0));
                break (symbol, 8, 2056);
            }
            context = self.nodes[context].shorter;
            order = order.checked_sub(1).ok_or(BROKEN)?;
        };
        for (node, context) in added.into_iter().rev() {
            self.nodes[node].symbol = symbol;
            self.count_new(node, context, count, total);
        }
        Ok(symbol)
    }

    fn add(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }

    fn shorten(&mut self, node: usize, to: usize) {
        self.nodes[node].shorter = to;
    }

    /// Looks for the coded symbol among what came after a context: its node and the one before it in the list, the last
    /// node that was looked at, the sum of the counts up to there and the total.
    #[expect(clippy::type_complexity, reason = "read at one place")]
    fn look(
        &mut self,
        context: usize,
        excluded: &mut Excluded,
    ) -> Step<(Option<(usize, Option<usize>)>, usize, u32, u32)> {
        if self.nodes[context].total > MAX_TOTAL {
            self.halve(context);
        }
        let Node { first_child, total, escapes, .. } = self.nodes[context];
        let mut total = u32::from(total);
        if excluded.any {
            total = u32::from(escapes);
            let mut node = first_child;
            while node != ROOT {
                let Node { symbol, count, sibling, .. } = self.nodes[node];
                if !excluded.has(symbol) {
                    total += u32::from(count);
                }
                node = sibling;
            }
        }
        let target = self.coder.target(total)?;
        let (mut node, mut before, mut above) = (first_child, None, 0);
        loop {
            let Node { symbol, count, sibling, .. } = self.nodes[node];
            if !excluded.has(symbol) {
                above += u32::from(count);
                excluded.add(symbol);
            }
            if above > target {
                return Ok((Some((node, before)), node, above, total));
            }
            if sibling == ROOT {
                return Ok((None, node, above, total));
            }
            (before, node) = (Some(node), sibling);
        }
    }

    /// Gives a new node of `context` a count: its share of the context in which the symbol was found.
    fn count_new(&mut self, node: usize, context: usize, count: u16, total: u16) {
        let (count, rest) = (i64::from(count), i64::from(total) - i64::from(count));
        let parent = self.nodes[context];
        if parent.total > 0 {
            // An unsigned number of 64 bits, even where it would be negative.
            let others = (rest + i64::from(parent.total) - 2 * i64::from(parent.escapes)) as u64;
            let inherited = (i64::from(parent.total) * count) as u64 / (others | 1) + 2;
            let inherited = inherited.min(50_000) as u16;
            self.nodes[node].count = inherited;
            self.nodes[context].escapes = parent.escapes.wrapping_add(4);
            self.nodes[context].total = parent.total.wrapping_add(inherited).wrapping_add(4);
        } else {
            let inherited = (3 + 5 * count / rest.max(1)) as u16;
            self.nodes[node].count = inherited;
            self.nodes[context].escapes = 4;
            self.nodes[context].total = inherited.wrapping_add(4);
        }
        // A few times at most: a context has no symbol twice.
        for _ in 0..16 {
            if self.nodes[context].total > MAX_TOTAL {
                self.halve(context);
            }
        }
    }

    fn halve(&mut self, context: usize) {
        let halved = |count: u16| if count > 1 { count / 2 } else { count };
        let escapes = halved(self.nodes[context].escapes);
        let mut total = escapes;
        let mut node = self.nodes[context].first_child;
        while node != ROOT {
            self.nodes[node].count = halved(self.nodes[node].count);
            total = total.wrapping_add(self.nodes[node].count);
            node = self.nodes[node].sibling;
        }
        self.nodes[context].escapes = escapes;
        self.nodes[context].total = total;
    }
}

/// Symbols that a longer context had, which a shorter one therefore does not mean.
#[derive(Default)]
struct Excluded {
    any: bool,
    bits: [u64; 5],
}

impl Excluded {
    fn has(&self, symbol: u16) -> bool {
        self.bits[usize::from(symbol / 64)] >> (symbol % 64) & 1 == 1
    }

    fn add(&mut self, symbol: u16) {
        self.any = true;
        self.bits[usize::from(symbol / 64)] |= 1 << (symbol % 64);
    }
}

/// A range coder of 32 bits.
struct RangeCoder<'a> {
    bytes: &'a [u8],
    position: usize,
    low: u32,
    /// The last value of the range.
    high: u32,
    value: u32,
    /// The part of the range that one count takes.
    unit: u32,
}

impl<'a> RangeCoder<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut coder = Self { bytes, position: 0, low: 1, high: u32::MAX, value: 0, unit: 0 };
        for _ in 0..4 {
            coder.value = coder.value << 8 | coder.byte();
        }
        coder
    }

    fn byte(&mut self) -> u32 {
        let byte = self.bytes.get(self.position).copied().unwrap_or(0);
        self.position += 1;
        u32::from(byte)
    }

    /// Which of `total` counts is coded.
    fn target(&mut self, total: u32) -> Step<u32> {
        let range = self.high.wrapping_sub(self.low).wrapping_add(1);
        self.unit = range.checked_div(total).filter(|unit| *unit > 0).ok_or(BROKEN)?;
        Ok((self.value.wrapping_sub(self.low) / self.unit).min(total - 1))
    }

    /// Goes to the counts from `from` to before `to`, of those that [`Self::target`] was asked for.
    fn narrow(&mut self, from: u32, to: u32) -> Step<()> {
        if from >= to {
            return Err(BROKEN);
        }
        self.high = self.low.wrapping_add(self.unit.wrapping_mul(to)).wrapping_sub(1);
        self.low = self.low.wrapping_add(self.unit.wrapping_mul(from));
        loop {
            if (self.high ^ self.low) & 0xff00_0000 == 0 {
                if self.position > self.bytes.len() + BEYOND {
                    return Err("expected more bytes");
                }
                self.value = self.value << 8 | self.byte();
                self.high = self.high << 8 | 0xff;
                self.low = (self.low << 8).max(1);
                continue;
            }
            let range = self.high.wrapping_sub(self.low);
            if range >= 0x1_0000 {
                return Ok(());
            }
            // Too narrow, and across a border of the first byte: the range moves to its middle.
            let middle = (self.high >> 1).wrapping_add(self.low >> 1);
            let around = if range > 0x1000 { 0xff } else { 0 };
            (self.low, self.high) = (middle.wrapping_sub(around), middle.wrapping_add(around));
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    /// What dlib 20.0.1 makes of nothing, of ten bytes and of 20,500 bytes.
    const EMPTY: &str = "/25qEdd1";
    const SHORT: &str = "B2aAc88qj0P9cVYAAA==";
    const LONG: &str = "B2aAQVoc9ph73XcVC7M4PpcBL+s33/PPWhcYMQhKA7rS+BHCoiF5LWba1v49UQdmCrW8SzTNn4JCnksH+PqPiMWCQhv6C4TR5fRk\
        g9gCa90SiF3J67yF4Ba5IiqNyk1BQaPDqoZSL6y9yZWlN5695h6rrJqwWO+8LZOUBd6+GWUOtQ0Uk3p61QRN/Vw0tpsGA9ZP7zvl\
        a4yokGegsXlt5grMGrFs5cNniYjY7cDQzdew7ultwu48Ex8arqWT2iCrkMOYkVPuO+LefAsZKO8HwjYlOfvAsnmMYeBvoCjbvWjy\
        DSwX+MlTgOvQxQ3zKxVIIMkJJ3wjToIKCngjfqWuiwg7RDWnyuOS5C7exvwzqbpMMFfdZTE6JRn4EoTwAJ0nchxAMdE++TJy59Pv\
        B/uLRhLINK+EiIzt0RbsaN7ErzOCGRs4WCLXwnmPxPUl5FXPp0mOehRD+jgCIJlpgqw/4/6n4x9q0aPjZu0VGLCrirfy13wtYIN9\
        W6zy8oyB5AEIxwVMDE+/3KtafevkWxJQTx60ApKM9IZ4oxN+kRc3JDN/rU8EhhnLicNKmNeknr5aNoOHj+wkk0bcsR8hHn7IEP7k\
        1pBTQfDSRJvj8EMqw1GqABD00Er5OvkZe+ZBP1sk8EhDC+p3zM6CTEivHKyPzdYuBMAIroXvCyRTZquLc0YXjU6ZIaZmNE09GsvO\
        2Z2GzWDgIh2V6/WCJ0+OdUTgsAYe6xoDYR0Q1XSj2c9KEJC20tbOpH8AE2TuzcE5TgcFblaX6GAykZ1CuUNBnMFy5QMIH+O8J6AJ\
        ZgVMXGbeIgrh8r/O6dY2nTjx3wOIE+Vcl8t/svQyM3FIVQuaRN8nzukuydggpLAATJpjE5gweBCW2+gJV7rG/ePYBtt5EYoR7dqF\
        FuEbeO083Kv826w+v4b9+JuMDYmbL6gg0/deECXvqCL7kV5nlF3R7FmicXPrwIOYAaeEFG7VDQyfWtNouwaY9cGmaUJ8UQm6Ku1R\
        vHKHhSpRbaOI3wkYp8UxDDq/O2R6K1pfkDwbjshsyQOP9XjVn9M3JCuzrtkyY0Q4O1x7m3gQRxRy3ousho2iJth12/FS/a7MODRZ\
        +/iLECeLXiFWrqXZJCEAUmNNJwC/facVFiqWL7u3qJhWyyblA9JALwk24CBxcf8gpIOQwwkHQLtBcmh+Bkdj4DSS//vlyw3vIeqs\
        u7grZEwI+HHQQpuTKdfBAexd6i2KxI3YYUz2M2n9QzxfgsYKRdjIkFm+LSqWU1uLKc7LEpsDnPulwTGilWQIIYUrn5198fcfkCHG\
        pQaedjDaDZaI4CSWBjStUaj9OKLyGmlWz49Xrb8qOQFxw3DuUsBUdNRd4D/ob0wEDbZkjWcF3t2P64RxFlycvuGWWx9NdbQ405Ye\
        7ZdVRUQnAdJ+605eiVV6+2qTYNFlw1LXbBEfTKcLEQjDzS5rnh2vwtjEoxtYlg30T8M3z1Q7leubI5ey00SJaVKqTG7wHyFDmJhO\
        sueTll5yV4W7c+SN2gP+V2BfjwjVbBH+aNUA";

    fn text(count: usize) -> Vec<u8> {
        (0..count).map(|index| if index % 3 == 0 { 7 } else { (index / 100) as u8 }).collect()
    }

    fn unpack(packed: &[u8], limit: usize) -> Result<Vec<u8>> {
        decompress("a file", packed, limit)
    }

    fn packed(base64: &str) -> Vec<u8> {
        STANDARD.decode(base64).expect("base64")
    }

    #[test]
    fn what_dlib_packed_is_unpacked() {
        for (base64, count) in [(EMPTY, 0), (SHORT, 10), (LONG, 20_500)] {
            let packed = packed(base64);
            assert_eq!(unpack(&packed, 30_000).expect("a text"), text(count));
            assert_eq!(unpack(&packed, count).expect("a text"), text(count));
            assert!(count == 0 || unpack(&packed, count - 1).is_err());
        }
    }

    #[test]
    fn every_damage_is_noticed() {
        let packed = packed(LONG);
        for end in 0..packed.len() - 4 {
            let error = unpack(&packed[..end], 30_000).expect_err("cut short");
            assert_eq!(error.kind(), crate::ErrorKind::ModelUnavailable);
        }
        for index in 0..packed.len() - 4 {
            let mut damaged = packed.clone();
            damaged[index] ^= 0x10;
            assert!(unpack(&damaged, 30_000).is_err(), "byte {index}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(packed in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = unpack(&packed, 30_000);
        }
    }
}
