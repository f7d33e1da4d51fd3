/* SPDX-License-Identifier: Apache-2.0
 * Sorting, choosing and hovering. The page says everything without it.
 */
'use strict';
(() => {
    const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
    const make = (tag, text, more = {}) => Object.assign(document.createElement(tag), {textContent: text}, more);
    document.documentElement.classList.add('js');

    /* ---- tables: a click on a head sorts, the second one the other way ---- */
    const value = cell => {
        if (!cell) return null;
        if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
        const text = cell.textContent.trim();
        if (text === '' || text === '\u2013') return null;
        return text !== '' && isFinite(text) ? Number(text) : text;
    };
    const compare = (a, b) => {
        if (typeof a === 'number' && typeof b === 'number') return a - b;
        if (typeof a === 'number' || typeof b === 'number') return typeof a === 'number' ? -1 : 1;
        return a < b ? -1 : a > b ? 1 : 0;
    };
    const sort = (table, column, heads) => {
        const head = heads[column], down = head.getAttribute('aria-sort') === 'ascending';
        const body = table.tBodies[0], rows = Array.from(body.rows);
        const keyed = rows.map((row, place) => ({row, place, key: value(row.cells[column])}));
        keyed.sort((a, b) => {
            /* What has no number is last, whichever way. */
            if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.place - b.place;
            return (down ? -1 : 1) * compare(a.key, b.key) || a.place - b.place;
        });
        for (const {row} of keyed) body.append(row);
        for (const other of heads) other.removeAttribute('aria-sort');
        head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    };
    for (const table of all('table.sortable')) {
        const heads = Array.from(table.tHead.rows[0].cells);
        heads.forEach((head, column) => {
            const button = make('button', head.textContent, {type: 'button'});
            button.addEventListener('click', () => sort(table, column, heads));
            head.replaceChildren(button);
        });
    }

    /* ---- the table of all cells: words that a row must hold ---- */
    for (const table of all('table.filter')) {
        const box = make('input', '', {type: 'search', placeholder: 'Only rows with: flash 8k fwd'});
        box.setAttribute('aria-label', 'only rows with these words');
        const rows = Array.from(table.tBodies[0].rows, row => ({row, text: row.textContent.toLowerCase(),
            words: new Set(Array.from(row.cells, cell => cell.textContent.toLowerCase()))}));
        box.addEventListener('input', () => {
            const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
            /* "8k" is not to find "128k": a word that is all of some box must be all of one here. */
            const whole = words.map(word => rows.some(r => r.words.has(word)));
            for (const r of rows)
                r.row.hidden = !words.every((word, i) => whole[i] ? r.words.has(word) : r.text.includes(word));
        });
        table.parentElement.before(box);
    }

    /* ---- one length at a time ---- */
    const ranks = all('.rank');
    const lengths = [...new Set(ranks.map(rank => Number(rank.dataset.t)))].sort((a, b) => a - b);
    const choosers = [];
    const choose = length => {
        for (const rank of ranks) rank.hidden = length !== 0 && Number(rank.dataset.t) !== length;
        for (const row of all('tr[data-t]')) row.classList.toggle('chosen', Number(row.dataset.t) === length);
        for (const button of choosers) button.setAttribute('aria-pressed', String(Number(button.value) === length));
    };
    for (const group of lengths.length > 1 ? all('.ranks') : []) {
        const bar = make('div', '', {className: 'choose'});
        bar.append(make('span', 'All variants at'));
        for (const length of [...lengths, 0]) {
            const rank = ranks.find(r => Number(r.dataset.t) === length);
            const name = rank ? rank.querySelector('h4').textContent.split(' ')[0] : 'every length';
            const button = make('button', name, {type: 'button', value: String(length)});
            button.addEventListener('click', () => choose(length));
            bar.append(button);
            choosers.push(button);
        }
        group.prepend(bar);
    }
    for (const row of all('tr[data-t]')) row.addEventListener('click', () => choose(Number(row.dataset.t)));
    if (lengths.length > 1) choose(lengths[lengths.length - 1]);

    /* ---- figures: values on hovering, one line picked out ---- */
    const tip = make('div', '', {id: 'tip', hidden: true});
    document.body.append(tip);
    const place = event => {
        const box = tip.getBoundingClientRect(), x = event.clientX + 14, y = event.clientY - box.height - 10;
        tip.style.left = Math.max(4, Math.min(x, innerWidth - box.width - 8)) + 'px';
        tip.style.top = (y < 4 ? event.clientY + 16 : y) + 'px';
    };
    const pick = (svg, line) => {
        svg.classList.toggle('picked', line !== null);
        for (const s of all('.s', svg)) s.classList.toggle('on', s.dataset.s === line);
    };
    for (const svg of all('figure svg')) {
        let kept = null;
        for (const point of all('.p', svg)) {
            const title = point.querySelector('title');
            point.dataset.tip = title.textContent;
            title.remove();
            point.setAttribute('aria-label', point.dataset.tip);
        }
        svg.addEventListener('pointermove', event => {
            const point = event.target.closest('.p'), line = event.target.closest('.s');
            tip.hidden = !point;
            if (point) {
                tip.textContent = point.dataset.tip;
                place(event);
            }
            pick(svg, line ? line.dataset.s : kept);
        });
        svg.addEventListener('pointerleave', () => {
            tip.hidden = true;
            pick(svg, kept);
        });
        svg.addEventListener('click', event => {
            const line = event.target.closest('.s');
            kept = line && line.dataset.s !== kept ? line.dataset.s : null;
            pick(svg, kept);
        });
    }
})();
