"""Regions: machine code whose address stands in a row of the table of entries."""


@intrinsic
def call_region(typing, address, words, ram, flags, entry, delta, at):
    """i64 (*address)(words, ram, flags, entry, delta, at): where to go on."""

    def generate(context, builder, signature, arguments):
        word = ir.IntType(64)
        byte = ir.IntType(8)
        kinds = [word.as_pointer(), byte.as_pointer(), byte.as_pointer(), word, word, word]
        target = builder.inttoptr(arguments[0], ir.FunctionType(word, kinds).as_pointer())
        data = []
        for i in (1, 2, 3):
            array = context.make_array(signature.args[i])(context, builder, arguments[i])
            data.append(builder.bitcast(array.data, kinds[i - 1]))
        return builder.call(target, [*data, *arguments[4:]])

    return types.uint64(address, words, ram, flags, entry, delta, at), generate


def region_entry(d):
    """The row of a decoded word: address, entry, original word, visits, steps."""
    return U64(L_ENTRIES) + (d >> U64(32)) * U64(ENTRY_WORDS)


def enter_region(m, d, delta, at):
    """Run a region; t tells whether it did anything.  Where in `decoded` to go on."""
    work = m.w
    row = region_entry(d)
    t = work[M_T]
    following = call_region(work[row], work, m.ram8, m.flags, work[row + U1], delta, at)
    work[row + U3] += U1
    work[row + U4] += work[M_T] - t
    return following
