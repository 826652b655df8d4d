// The charts below: rolling ratios, distribution of the trades, how far they went, hours and weekdays.
const smallLayout = (more) => ({
  paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', showlegend: false, bargap: 0.06, dragmode: false,
  font: {family: 'system-ui, sans-serif', size: 11, color: colour('ink')}, margin: {l: 8, r: 8, t: 8, b: 8},
  hoverlabel: {bgcolor: colour('paper'), bordercolor: colour('line'), font: {color: colour('ink')}, align: 'left'}, ...more,
});
const smallAxis = (title, more = {}) => ({
  title: {text: title, standoff: 4}, fixedrange: true, automargin: true, gridcolor: colour('line'),
  zerolinecolor: colour('faint'), ...more,
});

const small = (id, traces, layout) => {
  const where = document.getElementById(id);
  if (where) Plotly.react(where, traces, smallLayout(layout), {responsive: true, displayModeBar: false, showTips: false});
};

const bars = (x, y, hover, more = {}) => ({
  type: 'bar', x, y, hovertemplate: hover, ...more,
  marker: {color: (more.signs ?? y).map((value) => colour(value < 0 ? 'loss' : 'gain'))},
});

const drawRolling = () => {
  const {day, sharpe, volatility_pct: volatility} = run.rolling;
  small('rolling', [
    {type: 'scatter', mode: 'lines', name: 'Sharpe', x: day, y: sharpe, line: {color: colour('equity'), width: 1.4}},
    {type: 'scatter', mode: 'lines', name: 'volatility', x: day, y: volatility, yaxis: 'y2',
      hovertemplate: '%{y:.2f} %', line: {color: colour('fast'), width: 1.4}},
  ], {
    showlegend: true, legend: {orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom'}, hovermode: 'x unified',
    xaxis: smallAxis('', {type: 'date'}), yaxis: smallAxis('Sharpe'),
    yaxis2: smallAxis('volatility, % a year', {
      overlaying: 'y', side: 'right', showgrid: false, rangemode: 'tozero', tickmode: 'auto', nticks: 5,
    }),
  });
};

const drawDistribution = () => {
  const {edges_usd: edges, trades: counts} = run.distribution;
  const middles = counts.map((_, i) => (edges[i] + edges[i + 1]) / 2);
  small('distribution', [bars(middles, counts, '%{y} trades, %{customdata}<extra></extra>', {
    width: counts.map((_, i) => edges[i + 1] - edges[i]), signs: middles,
    customdata: counts.map((_, i) => `${signed(edges[i])} to ${signed(edges[i + 1])}`),
  })], {xaxis: smallAxis('net PnL'), yaxis: smallAxis('trades')});
};

// As many trades as the chart marks, those that won or lost most.
const excursionMarks = () => {
  const all = trades.lot.map((_, i) => i);
  if (all.length <= MOST_MARKS) return all;
  return all.sort((a, b) => Math.abs(trades.return_pct[b]) - Math.abs(trades.return_pct[a])).slice(0, MOST_MARKS);
};

const drawExcursions = (id, values, title, indices) => small(id, [{
  type: 'scatter', mode: 'markers', x: picked(values, indices), y: picked(trades.return_pct, indices),
  text: indices.map((i) => `lot ${trades.lot[i]}, ${words(trades.exit_reason[i])}`),
  hovertemplate: '%{text}<br>%{x:.2f} %, returned %{y:+.2f} %<extra></extra>',
  marker: {color: indices.map((i) => colour(trades.return_pct[i] > 0 ? 'gain' : 'loss')), size: 6, opacity: 0.7},
}], {hovermode: 'closest', xaxis: smallAxis(title, {rangemode: 'tozero'}), yaxis: smallAxis('return, %')});

const drawSlots = (id, slots, names) => small(id, [bars(names, slots.map((slot) => Number(slot.net_pnl_usd)),
  '%{x}: %{y:,.2f}, %{customdata}<extra></extra>',
  {customdata: slots.map((slot) => `${slot.trades} trades, ${slot.wins} won`)})],
{xaxis: smallAxis('', {type: 'category', tickangle: 0, nticks: narrow() ? 8 : 24}), yaxis: smallAxis('net PnL')});

const drawAnalysis = () => {
  drawRolling();
  if (trades.lot.length === 0) return;
  const indices = excursionMarks();
  drawDistribution();
  drawExcursions('adverse', trades.mae_pct, 'against it, %', indices);
  drawExcursions('favourable', trades.mfe_pct, 'for it, %', indices);
  drawSlots('hours', run.by_hour, run.by_hour.map((slot) => String(slot.slot)));
  drawSlots('weekdays', run.by_weekday, run.by_weekday.map((slot) => slot.slot.slice(0, 3)));
};
