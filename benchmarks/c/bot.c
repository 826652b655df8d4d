/* The whole bot over closed candles as a C programmer would write it by hand: indicators, score,
 * decision, gates, sizing, fills, levels, trail, promotion, breaker, all in one loop, money exact in
 * int64. It is what cbbot's compiled kernel is measured against; benchmarks/whole_bot.py checks
 * that both end with the same trades, to the last unit. Close fill model, one fixed model, no refits. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define RATE_SCALE 100000000LL
#define RISK_SCALE 1000000000LL
#define SLIPPAGE_SCALE 10000000000LL
#define DAY_MS 86400000LL
#define WINDOW 20

typedef int64_t i64;

typedef struct {
    i64 tick_numerator, tick_denominator, quote_ledger, min_notional_ledger;
    i64 fee_rate, slippage, risk, vol_adjust, order_min_quote, max_order_quote, max_exposure_ledger;
    i64 max_daily_loss_rate, breaker_marks, cooldown_ms;
    i64 long_only, pyramiding, max_lots, spacing_ms;
    double adverse_pct, adverse_decay, adverse_floor_pct;
    i64 adverse_floor_ms;
    double take_pct, stop_pct, trail_activate_pct, trail_distance_pct;
    i64 scalp_mode;
    double scalp_step_pct, scalp_factor, scalp_floor_pct;
    double buy_logit, sell_logit;
    i64 ma_filter, ma_fast, ma_slow, extended, warm;
} params_t;

typedef struct { double weights[8], bias, mean[8], std[8]; } model_t;

typedef struct {
    i64 id, side, runner, opened_ms, open_ticks, base, cost, entry_fee;
    double stop, take;
    i64 trailing;
    double peak, trail_stop;
} lot_t;

typedef struct {
    i64 realised, trades, opened, lots, net_hash, marked_hash, breaker_steps;
    i64 exits[4], denials[14];
} result_t;

static inline double price_of(const params_t *p, i64 ticks) {
    return (double)(ticks * p->tick_numerator) / (double)p->tick_denominator;
}
static inline i64 fee_up(i64 notional, i64 rate) {
    i64 whole = notional / RATE_SCALE, rest = notional - whole * RATE_SCALE;
    return whole * rate + (rest * rate + RATE_SCALE - 1) / RATE_SCALE;
}
/* The same of an equity, which may be below 0. */
static inline i64 loss_of(i64 equity, i64 rate) { return equity >= 0 ? fee_up(equity, rate) : -(-equity / RATE_SCALE * rate + -equity % RATE_SCALE * rate / RATE_SCALE); }
static inline i64 slipped(i64 ticks, i64 side, i64 slippage) {
    if (slippage == 0) return ticks;
    i64 move = (ticks * slippage + SLIPPAGE_SCALE - 1) / SLIPPAGE_SCALE;
    if (side > 0) return ticks + move;
    return ticks - move > 1 ? ticks - move : 1;
}
static i64 base_for(i64 spend, i64 ticks, i64 fee_rate) {
    i64 base = (i64)((double)spend / ((double)ticks * (1.0 + (double)fee_rate / (double)RATE_SCALE)));
    while ((base + 1) * ticks + fee_up((base + 1) * ticks, fee_rate) <= spend) base++;
    while (base > 0 && base * ticks + fee_up(base * ticks, fee_rate) > spend) base--;
    return base;
}
static inline int trails(const params_t *p) { return p->trail_activate_pct > 0.0 && p->trail_distance_pct > 0.0; }
static inline double stop_of(const params_t *p, i64 side, double price) {
    return price * (1.0 - (double)side * p->stop_pct / 100.0);
}
static inline double runner_take(const params_t *p, i64 side, double price) {
    return price * (1.0 + (double)side * (2.0 * p->take_pct) / 100.0);
}
static inline double most(double a, double b) { return a >= b ? a : b; }
/* One multiplication after the other: pow differs between processors in the last digit. */
static double power(double base, i64 count) { double product = 1.0; while (count-- > 0) product *= base; return product; }
static double scalp_take(const params_t *p, i64 side, double price, i64 scalps) {
    double percent = p->take_pct;
    if (p->scalp_mode == 1) percent = most(percent - (double)scalps * p->scalp_step_pct, p->scalp_floor_pct);
    else if (p->scalp_mode == 2) percent = most(percent * power(p->scalp_factor, scalps), p->scalp_floor_pct);
    return price * (1.0 + (double)side * percent / 100.0);
}
static void trail(const params_t *p, lot_t *lot, double price) {
    double side = (double)lot->side;
    if (!lot->runner) return;
    if (!lot->trailing) {
        double threshold = price_of(p, lot->open_ticks) * (1.0 + side * p->trail_activate_pct / 100.0);
        if (side * price < side * threshold) return;
        lot->trailing = 1;
        lot->peak = price;
        lot->trail_stop = price * (1.0 - side * p->trail_distance_pct / 100.0);
    } else if (side * price > side * lot->peak) {
        double moved = price * (1.0 - side * p->trail_distance_pct / 100.0);
        lot->peak = price;
        if (side * moved > side * lot->trail_stop) lot->trail_stop = moved;
    }
}
static int triggered(const lot_t *lot, i64 was_trailing, double price) {
    if (lot->side > 0) {
        if (was_trailing && price <= lot->trail_stop) return 1;
        if (price <= lot->stop) return 2;
        return price >= lot->take ? 3 : 0;
    }
    if (was_trailing && price >= lot->trail_stop) return 1;
    if (price >= lot->stop) return 2;
    return price <= lot->take ? 3 : 0;
}
/* The prices between which no lot is touched. */
static void quiet_band(const params_t *p, const lot_t *lots, i64 count, double *low, double *high) {
    *low = -INFINITY; *high = INFINITY;
    for (i64 j = 0; j < count; j++) {
        const lot_t *lot = &lots[j];
        double loses = lot->stop, gains = lot->take, side = (double)lot->side;
        if (lot->runner && trails(p)) {
            double up = lot->trailing ? lot->peak : price_of(p, lot->open_ticks) * (1.0 + side * p->trail_activate_pct / 100.0);
            if (lot->trailing && side * lot->trail_stop > side * loses) loses = lot->trail_stop;
            if (side * up < side * gains) gains = up;
        }
        double under = side > 0 ? loses : gains, over = side > 0 ? gains : loses;
        if (under > *low) *low = under;
        if (over < *high) *high = over;
    }
}

int run_bot(const params_t *p, const model_t *m, i64 n, i64 first, i64 start_equity, const i64 *restrict closed_ms,
            const i64 *restrict high, const i64 *restrict low, const i64 *restrict close, const i64 *restrict volume,
            result_t *out) {
    lot_t *lots = malloc(sizeof(lot_t) * (size_t)(p->max_lots + 1));
    if (!lots) return 1;
    i64 count = 0, realised = 0, day = -1, day_realised = 0, day_marked = 0, loss_limit = 0, breaker = 0;
    i64 last_add = -1, last_loss = -1, next_lot = 1, side = 0, last_entry = 0, base_sum = 0, cost_sum = 0, fee_sum = 0;
    double quiet_low = 0, quiet_high = 0;
    i64 total = 0, squares = 0, fast = 0, slow = 0, flows = 0, traded = 0;
    double gain = 0, loss = 0, width = 0, ema_fast = 0, ema_slow = 0, signal = 0;
    const double kf = 2.0 / 13.0, ks = 2.0 / 27.0, kg = 2.0 / 10.0;
    int can_trail = trails(p), features = p->extended ? 8 : 4;
    for (i64 i = 0; i < n; i++) {
        i64 price = close[i];
        total += price; squares += price * price; fast += price; slow += price;
        if (i >= WINDOW) { i64 old = close[i - WINDOW]; total -= old; squares -= old * old; }
        if (i >= p->ma_fast) fast -= close[i - p->ma_fast];
        if (i >= p->ma_slow) slow -= close[i - p->ma_slow];
        i64 change = 0;
        if (i == 0) ema_fast = ema_slow = (double)price;
        else {
            change = price - close[i - 1];
            double g = change > 0 ? (double)change : 0.0, l = change < 0 ? (double)-change : 0.0;
            if (i < 14) { gain += g; loss += l; }
            else if (i == 14) { gain = (gain + g) / 14.0; loss = (loss + l) / 14.0; }
            else { gain = (13.0 * gain + g) / 14.0; loss = (13.0 * loss + l) / 14.0; }
        }
        if (p->extended) {
            traded += volume[i];
            if (i >= WINDOW) traded -= volume[i - WINDOW];
            if (i > 0) {
                flows += change > 0 ? volume[i] : change < 0 ? -volume[i] : 0;
                i64 before = close[i - 1], top = high[i] > before ? high[i] : before, bottom = low[i] < before ? low[i] : before;
                double w = (double)(top - bottom);
                width = i < 14 ? width + w : i == 14 ? (width + w) / 14.0 : (13.0 * width + w) / 14.0;
                ema_fast = (double)price * kf + ema_fast * (1.0 - kf);
                ema_slow = (double)price * ks + ema_slow * (1.0 - ks);
                signal = (ema_fast - ema_slow) * kg + signal * (1.0 - kg);
            }
            if (i > WINDOW) {
                i64 c = close[i - WINDOW] - close[i - WINDOW - 1];
                flows -= c > 0 ? volume[i - WINDOW] : c < 0 ? -volume[i - WINDOW] : 0;
            }
        }
        if (i < first) continue;

        double x[8], at = (double)price;
        double spread = (double)(WINDOW * squares - total * total) / (double)(WINDOW * WINDOW);
        double std_ratio = sqrt(spread) / at;
        x[0] = at / (double)close[i - 1] - 1.0;
        x[1] = at / (double)close[i - 5] - 1.0;
        x[2] = (loss == 0.0 ? (gain == 0.0 ? 50.0 : 100.0) : 100.0 - 100.0 / (1.0 + gain / loss)) / 100.0;
        x[3] = spread > 0.0 ? (at - (double)total / WINDOW) / sqrt(spread) : 0.0;
        if (p->extended) {
            x[4] = width / at;
            x[5] = (ema_fast - ema_slow - signal) / at;
            x[6] = traded ? (double)flows / (double)traded : 0.0;
            x[7] = std_ratio;
        }
        double z = m->bias;
        for (int j = 0; j < features; j++) z += m->weights[j] * ((x[j] - m->mean[j]) / m->std[j]);
        double fast_avg = (double)fast / (double)p->ma_fast, slow_avg = (double)slow / (double)p->ma_slow;

        i64 now = closed_ms[i], equity = start_equity + realised, worth = equity;
        double level = price_of(p, price);
        int touched = 0, exited = 0;
        if (count) {
            worth += side * (price * base_sum - cost_sum) - fee_sum;
            touched = level <= quiet_low || level >= quiet_high;
        }
        if (now / DAY_MS != day) {
            day = now / DAY_MS; day_realised = 0; day_marked = worth; breaker = 0;
            loss_limit = loss_of(equity, p->max_daily_loss_rate);
        }
        if (!breaker && p->max_daily_loss_rate > 0) {
            i64 moved = p->breaker_marks ? worth - day_marked : day_realised;
            breaker = -moved >= loss_limit;
        }
        if (touched) {
            i64 kept = 0;
            int runner = 0;
            for (i64 j = 0; j < count; j++) {
                lot_t lot = lots[j];
                i64 was = lot.trailing;
                if (can_trail) trail(p, &lot, level);
                int reason = triggered(&lot, was, level);
                if (!reason) { runner |= (int)lot.runner; lots[kept++] = lot; continue; }
                i64 fill = slipped(price, -lot.side, p->slippage), proceeds = fill * lot.base;
                i64 fee = fee_up(proceeds, p->fee_rate);
                i64 net = (lot.side > 0 ? proceeds - lot.cost : lot.cost - proceeds) - lot.entry_fee - fee;
                realised += net; day_realised += net;
                base_sum -= lot.base; cost_sum -= lot.cost; fee_sum -= lot.entry_fee;
                if (reason != 3) last_loss = now;
                out->trades++; out->exits[reason]++;
                out->net_hash = (i64)((uint64_t)out->net_hash * 31 + (uint64_t)net);
                exited = 1;
            }
            count = kept;
            if (exited) {
                if (kept && !runner) {
                    lot_t *lot = &lots[kept - 1];
                    double own = price_of(p, lot->open_ticks);
                    lot->runner = 1; lot->trailing = 0; lot->peak = lot->trail_stop = 0.0;
                    lot->stop = stop_of(p, lot->side, own);
                    lot->take = runner_take(p, lot->side, own);
                }
                last_entry = kept ? lots[kept - 1].open_ticks : 0;
            }
            quiet_band(p, lots, count, &quiet_low, &quiet_high);
        }
        if (!exited) {
            int wanted = z > p->buy_logit && (!p->ma_filter || fast_avg > slow_avg) ? 1
                       : z < p->sell_logit && (!p->ma_filter || fast_avg < slow_avg) ? -1 : 0;
            int denied = 0;
            i64 elapsed = now - last_add;
            if (i + 1 < p->warm) wanted = 0;
            if (!wanted) denied = 1;
            else if (count && wanted != side) denied = 2;
            else if (wanted < 0 && p->long_only) denied = 3;
            else if (breaker) denied = 4;
            else if (last_loss >= 0 && now - last_loss < p->cooldown_ms) denied = 6;
            else if (count && count >= p->max_lots) denied = 7;
            else if (count && !p->pyramiding) denied = 8;
            else if (count && elapsed < p->spacing_ms) denied = 9;
            else if (count) {
                double adverse = p->adverse_pct;
                if (p->adverse_decay != 0.0) {
                    if (elapsed >= p->adverse_floor_ms) adverse = p->adverse_floor_pct;
                    else adverse = most(p->adverse_pct * exp(-p->adverse_decay * ((double)elapsed / 60000.0)), p->adverse_floor_pct);
                }
                double gate = price_of(p, last_entry) * (1.0 - (double)wanted * adverse / 100.0);
                if (!(wanted > 0 ? level <= gate : level >= gate)) denied = 10;
            }
            i64 fill = 0, base = 0;
            if (!denied) {
                fill = slipped(price, wanted, p->slippage);
                i64 tenths = !p->vol_adjust ? 10 : std_ratio > 0.02 ? 6 : std_ratio > 0.01 ? 8 : std_ratio < 0.004 ? 12 : 10;
                i64 risk = p->risk * tenths / 10 < RISK_SCALE ? p->risk * tenths / 10 : RISK_SCALE;
                i64 now_equity = start_equity + realised, spend = p->order_min_quote;
                if (now_equity > 0) {
                    i64 whole = now_equity / RISK_SCALE;
                    i64 part = (whole * risk + (now_equity - whole * RISK_SCALE) * risk / RISK_SCALE) / p->quote_ledger;
                    if (part > spend) spend = part;
                }
                if (p->max_order_quote >= 0 && p->max_order_quote < spend) spend = p->max_order_quote;
                spend *= p->quote_ledger;
                if (spend > now_equity - cost_sum - fee_sum) denied = 11;
                else {
                    base = base_for(spend, fill, p->fee_rate);
                    if (base <= 0 || base * fill < p->min_notional_ledger) denied = 12;
                    else if (p->max_exposure_ledger >= 0 && cost_sum + base * fill > p->max_exposure_ledger) denied = 13;
                }
            }
            out->denials[denied]++;
            if (!denied) {
                double own = price_of(p, fill);
                i64 cost = fill * base, fee = fee_up(cost, p->fee_rate);
                lot_t lot = {next_lot++, wanted, count == 0, now, fill, base, cost, fee, stop_of(p, wanted, own),
                             count == 0 ? runner_take(p, wanted, own) : scalp_take(p, wanted, own, count - 1), 0, 0.0, 0.0};
                lots[count++] = lot;
                side = wanted; last_add = now; last_entry = fill;
                base_sum += base; cost_sum += cost; fee_sum += fee;
                out->opened++;
                quiet_band(p, lots, count, &quiet_low, &quiet_high);
            }
        }
        i64 marked = start_equity + realised + (count ? side * (price * base_sum - cost_sum) - fee_sum : 0);
        out->marked_hash = (i64)((uint64_t)out->marked_hash * 31 + (uint64_t)marked);
        out->breaker_steps += breaker;
    }
    out->realised = realised;
    out->lots = count;
    free(lots);
    return 0;
}
