/** An XML configuration as elements that know their line. No DOCTYPE is taken, so that no entity can stand for more than it says. */
import { parseXml, XmlElement, XmlError } from '@rgrove/parse-xml';
import { type Fact, known, unknown } from '../../model/fact.ts';

const DEPTH_MAX = 64;

export interface Element {
  readonly name: string;
  /** What stands between its tags, without the blanks around it. */
  readonly text: string;
  readonly children: readonly Element[];
  /** Counted from 1. */
  readonly line: number;
}

export function readXml(file: string, bytes: Buffer): Fact<Element> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return unknown('malformed', `${file} is not UTF-8 text.`);
  }
  const lineOf = lineFinder(text);
  // Before it is parsed: what stands behind a DOCTYPE could be read in more than one way.
  const doctype = /<!DOCTYPE/i.exec(text.replace(/<!--[\s\S]*?(?:-->|$)/g, (comment) => ' '.repeat(comment.length)));
  if (doctype !== null) return unknown('malformed', `${file}:${lineOf(doctype.index)}: a DOCTYPE is not taken.`);
  try {
    const { root } = parseXml(text, { includeOffsets: true });
    if (root === null) return unknown('malformed', `${file} holds no element.`);
    return known(elementOf(root, lineOf, 0), file);
  } catch (error) {
    if (error instanceof XmlError)
      return unknown('malformed', `${file}:${error.line}: ${error.message.split('\n')[0]}`);
    if (error instanceof RangeError) return unknown('malformed', `${file} nests its elements too deeply.`);
    throw error;
  }
}

function elementOf(element: XmlElement, lineOf: (offset: number) => number, depth: number): Element {
  if (depth > DEPTH_MAX) throw new RangeError('too deep');
  const children = element.children.filter((child) => child instanceof XmlElement);
  return {
    name: element.name,
    text: children.length === 0 ? element.text.trim() : '',
    children: children.map((child) => elementOf(child, lineOf, depth + 1)),
    line: lineOf(element.start),
  };
}

/** For offsets that mostly grow: what has been counted is not counted again. */
function lineFinder(text: string): (offset: number) => number {
  let [at, line] = [0, 1];
  return (offset) => {
    if (offset < at) [at, line] = [0, 1];
    for (; at < offset; at++) if (text[at] === '\n') line++;
    return line;
  };
}
